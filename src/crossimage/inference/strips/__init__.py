"""Translation in strips of rows: exact, in bounded memory."""
