"""Who was here, and when: one bit per user in the bitmap of each period."""
