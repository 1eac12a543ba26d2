"""`donebit load`: a file of visits, sent in batches; an interrupted load continues where it stopped."""
