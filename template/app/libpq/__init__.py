"""Database URLs in libpq's form, as hosting providers issue them, converted for asyncpg."""
