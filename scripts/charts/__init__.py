"""From a chart's ``values.yaml``: its README's table and its closed ``values.schema.json``."""
