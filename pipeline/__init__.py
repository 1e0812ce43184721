"""Very large PDFs on very small workers."""
