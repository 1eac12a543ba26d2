"""What a worker shows of itself: its lines, what its processes are at, and how many steps they finish.

    a process of the pool              the worker's main process
    Voice, LineHandler -- Pipe -->     Keeper --> Redis

A process writes to the pipe and goes on: what does not fit is dropped and counted. Only the main process
speaks to Redis, a few times a second, in a thread of its own. So nothing here blocks or fails a step, and a
process that is killed has said what it said.
"""
