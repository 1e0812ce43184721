"""How pages become bytes: objects, text, pictures, segments, assembly."""
