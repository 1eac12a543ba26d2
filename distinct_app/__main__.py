"""`python -m distinct_app`: the HTTP service."""

from donebit.extras import needing

with needing("server", "distinct_app"):
    from donebit.web.serving import serve

if __name__ == "__main__":
    serve("distinct_app.service:create_app", "distinct_port", questions=True)
