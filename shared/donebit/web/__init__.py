"""Flask made one way: problem+json, the guard at the door, health, metrics and OpenAPI."""
