"""Sample data: a population of made-up visitors, and tasks of several sizes and final states.

Events and flags begin with `demo.`, task ids with `demo-`, and the tasks have the label sample.
"""
