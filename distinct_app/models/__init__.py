"""The requests and answers of distinct_app."""
