"""Names of fields, and the values that they suggest."""

from collections.abc import Iterator, Mapping

# Methods of Faker by the last words of a field's name.
TEXTS: Mapping[str, str] = {
    "address": "street_address",
    "author": "name",
    "bic": "swift",
    "brand": "company",
    "city": "city",
    "color": "color_name",
    "colour": "color_name",
    "company": "company",
    "country": "country",
    "country_code": "country_code",
    "currency": "currency_code",
    "domain": "domain_name",
    "ean": "ean13",
    "email": "email",
    "family_name": "last_name",
    "file_name": "file_name",
    "filename": "file_name",
    "first_name": "first_name",
    "full_name": "name",
    "given_name": "first_name",
    "handle": "user_name",
    "host": "hostname",
    "hostname": "hostname",
    "iban": "iban",
    "ip": "ipv4",
    "isbn": "isbn13",
    "job_title": "job",
    "language": "language_name",
    "last_name": "last_name",
    "locale": "locale",
    "location": "city",
    "login": "user_name",
    "manufacturer": "company",
    "mobile": "phone_number",
    "name": "catch_phrase",  # of a thing
    "phone": "phone_number",
    "phone_number": "phone_number",
    "postal_code": "postcode",
    "postcode": "postcode",
    "profession": "job",
    "province": "state",
    "region": "state",
    "slug": "slug",
    "state": "state",
    "street": "street_address",
    "supplier": "company",
    "surname": "last_name",
    "timezone": "timezone",
    "title": "catch_phrase",
    "url": "url",
    "user_name": "user_name",
    "username": "user_name",
    "vendor": "company",
    "website": "url",
    "zip": "postcode",
    "zip_code": "postcode",
}
CODES = frozenset({"code", "key", "no", "number", "reference", "serial", "sku", "token"})
PROSE = frozenset(
    {"bio", "body", "comment", "content", "description", "message", "note", "notes", "remark"}
    | {"remarks", "review", "summary", "text"}
)
# Texts of fields with other names: few, so that rows can be grouped and filtered by them.
KINDS = ("Basic", "Classic", "Custom", "Economy", "Extra", "Premium", "Regular", "Special")
# Fields of people: the `name` beside them is a person's name.
PERSONAL = frozenset({"birthday", "born", "born_on", "email", "handle", "phone", "username"})

# Smallest and largest usual number by the last words of a field's name.
RANGES: Mapping[str, tuple[int, int]] = {
    "age": (18, 90),
    "amount": (5, 500),
    "balance": (0, 5000),
    "budget": (1000, 100_000),
    "cost": (5, 500),
    "discount": (0, 50),
    "duration": (5, 240),
    "fee": (1, 50),
    "lat": (-60, 70),
    "latitude": (-60, 70),
    "lng": (-180, 180),
    "lon": (-180, 180),
    "longitude": (-180, 180),
    "price": (1, 500),
    "priority": (1, 5),
    "rate": (10, 200),
    "rating": (1, 5),
    "salary": (20_000, 120_000),
    "total": (10, 2000),
    "year": (1990, 2026),
}
USUAL_RANGE = (0, 100)


def endings(name: str) -> Iterator[str]:
    """Yield a field's name and its endings: `home_zip_code`, `zip_code`, `code`."""
    words = name.split("_")
    for start in range(len(words)):
        yield "_".join(words[start:])
