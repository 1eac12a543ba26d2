"""Who was here, and when: one bit a user in the bitmap of each period."""
