"""CustomResourceDefinitions: structural schemas from the types, their rules in CEL."""
