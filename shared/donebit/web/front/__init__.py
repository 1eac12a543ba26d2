"""What stands between the listener and the views: who may send a body, how much, for how long."""
