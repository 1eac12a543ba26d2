"""`donebit load`: a file of visits, sent a part at a time, and gone on with where it was stopped."""
