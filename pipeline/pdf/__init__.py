"""The PDF engine: objects, text, pictures, segments and their assembly. Knows bytes, no services."""
