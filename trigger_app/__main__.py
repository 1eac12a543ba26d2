"""`python -m trigger_app`: the HTTP service."""

from shared import jobs
from shared.web.serving import serve

if __name__ == "__main__":
    serve("trigger_app.service:create_app", "trigger_port", check=jobs.load)
