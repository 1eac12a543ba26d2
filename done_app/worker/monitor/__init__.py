"""What a worker writes into Redis about itself: log lines, what its processes run, and finished steps.

    a process of the pool              the worker's main process
    Emitter, LineHandler -- Pipe -->   Collector --> Redis

A process writes to the pipe without waiting: what does not fit is dropped and counted. Only the main process
talks to Redis about this, a few times a second, in a thread of its own. So nothing here blocks or fails a
step, and what a killed process had written is kept.
"""
