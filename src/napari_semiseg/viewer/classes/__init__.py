"""The classes of a project in the viewer: their list, colours and keys."""
