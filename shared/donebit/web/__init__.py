"""What the three HTTP services share: problem+json, access checks, health, metrics, OpenAPI, live streams."""
