"""The models that come with Trellis: how each is trained, its card, and its versions."""
