"""Questions about sets of users as people write them, as JSON or as text, and what they mean on a site."""
