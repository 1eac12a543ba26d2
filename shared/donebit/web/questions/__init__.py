"""Questions that are computed by processes of their own, beside the one that takes marks."""
