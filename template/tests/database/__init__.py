"""Tests of the database: sessions, transactions, migrations, engines."""
