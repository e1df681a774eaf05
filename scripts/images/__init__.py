"""The project's own images: built, checked as a restricted pod would run them, and measured."""
