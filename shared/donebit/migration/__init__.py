"""Moves a store that an earlier version of Donebit wrote to the present layout: a step for each layout."""
