"""`python -m trigger_app`: the HTTP service."""

from donebit.extras import needing

with needing("server", "trigger_app"):
    from donebit.jobs.registry import check_jobs
    from donebit.web.serving import serve

if __name__ == "__main__":
    serve("trigger_app.service:create_app", "trigger_port", check=check_jobs)
