"""Something to look at: a population of made-up visitors, and tasks of several sizes and ends.

All of it is marked: events and flags begin with `demo.`, tasks with `demo-`, and they are labelled sample.
"""
