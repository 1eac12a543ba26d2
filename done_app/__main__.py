"""`python -m done_app`: the HTTP service."""

from donebit.extras import needing

with needing("server", "done_app"):
    from donebit.web.serving import serve

if __name__ == "__main__":
    serve("done_app.service:create_app", "done_port")
