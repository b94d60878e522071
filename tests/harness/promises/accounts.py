"""Break promises of accounts: passwords, tokens, roles, API keys, identity providers."""

from __future__ import annotations

from tests.harness.promises.definition import Break, promise

ACCOUNTS = [
    *promise(
        "template/docs/local.md: tokens are signed and expire",
        Break(
            "does not verify a token's signature",
            "app/auth/local/tokens.py",
            'options={"require": list(CLAIMS)}',
            'options={"require": list(CLAIMS), "verify_signature": False}',
            "auth/local/test_tokens.py::test_a_token_without_a_signature_is_refused",
        ),
        Break(
            "accepts an expired token",
            "app/auth/local/tokens.py",
            'options={"require": list(CLAIMS)}',
            'options={"require": list(CLAIMS), "verify_exp": False}',
            "auth/local/test_tokens.py::test_any_other_token_is_refused",
        ),
        auth="local",
    ),
    *promise(
        "template/docs/local.md: a refresh token is stored as a digest and works once; its reuse revokes the family",
        Break(
            "accepts a refresh token twice",
            "app/services/auth.py",
            "        RefreshToken.used_at.is_(None),\n",
            "",
            "auth/local/test_accounts.py::test_a_refresh_token_is_good_once",
        ),
        Break(
            "a reused refresh token does not revoke its family",
            "app/services/auth.py",
            "        await session.execute(delete(RefreshToken).where(RefreshToken.family == token.family))\n",
            "",
            "auth/local/test_accounts.py::test_a_replayed_refresh_token_voids_its_family",
        ),
        Break(
            "rolls the revocation back with the failed request",
            "app/auth/local/refresh_cookie.py",
            "            replayed = error\n",
            "            raise error from None\n",
            "auth/local/test_accounts.py::test_a_theft_is_remembered_though_the_request_fails",
        ),
        Break(
            "stores refresh tokens in plain text",
            "app/services/auth.py",
            "            digest=digest(secret),\n",
            "            digest=secret,\n",
            "auth/local/test_accounts.py::test_refresh_tokens_are_kept_as_digests",
        ),
        auth="local",
    ),
    *promise(
        "template/docs/local.md: the refresh cookie is sent by no other site",
        Break(
            "accepts the refresh cookie from other origins",
            "app/auth/local/refresh_cookie.py",
            "if not self._is_own():",
            "if False:",
            "auth/local/test_accounts.py::test_a_cookie_is_taken_from_own_pages_only",
        ),
        auth="local",
    ),
    *promise(
        "template/docs/local.md: no answer reveals whether an account exists",
        Break(
            "a failed login reveals whether the account exists",
            "app/services/auth.py",
            '        message = "The address or the password is wrong."\n',
            '        message = "The password is wrong." if user else "There is no such user."\n',
            "auth/local/test_accounts.py::test_a_login_is_refused_in_the_same_words",
        ),
        auth="local",
    ),
    *promise(
        "template/docs/local.md: links work once",
        Break(
            "a reset link works twice",
            "app/services/auth.py",
            ' or _state(user, present) != claims["state"]:',
            ":",
            "auth/local/test_accounts.py::test_a_link_sets_a_new_password_once_and_signs_out",
        ),
        auth="local",
    ),
    *promise(
        "docs/guides.md: no password in a log",
        Break(
            "the repr of a password shows its hash",
            "app/models/password.py",
            'return f"Password({self.user_id})"',
            'return f"Password({self.hash})"',
            "auth/local/test_accounts.py::test_no_secret_is_logged_or_told",
        ),
        auth="local",
    ),
    *promise(
        "template/docs/auth.md: permissions are checked; logout-everywhere revokes every token",
        Break(
            "does not check permissions",
            "app/auth/callers.py",
            "if not caller.may(self.name):",
            "if False:",
            "architecture/test_access_policies.py::test_a_permission_is_asked_for",
        ),
        Break(
            "access tokens survive logout-everywhere",
            "app/auth/local/accounts.py",
            ' or user.has_voided(datetime.fromtimestamp(claims["iat"], UTC)):',
            ":",
            "architecture/test_access_policies.py::test_who_signs_out_everywhere_voids_what_was_given_before",
        ),
        auth="local",
    ),
    *promise(
        "template/docs/auth.md: an API key may do what is among its scopes",
        Break(
            "an API key ignores its scopes",
            "app/auth/callers.py",
            "return self.user.may(permission) and not self.scopes.isdisjoint({permission, EVERYTHING})",
            "return self.user.may(permission)",
            "auth/test_api_key.py::test_a_key_may_do_what_both_it_and_its_user_may",
        ),
        auth="local",
    ),
    *promise(
        "template/docs/oidc.md: which tokens are valid",
        Break(
            "does not verify the provider's signature",
            "app/auth/oidc/accounts.py",
            'options={"require": list(CLAIMS)}',
            'options={"require": list(CLAIMS), "verify_signature": False}',
            "auth/oidc/test_accounts.py::test_a_token_that_another_key_signed_is_refused",
        ),
        Break(
            "accepts a token for another audience",
            "app/auth/oidc/accounts.py",
            "audience=chosen.audience,",
            'audience=[chosen.audience, "another"],',
            "auth/oidc/test_accounts.py::test_any_other_token_is_refused",
        ),
        auth="oidc",
    ),
    *promise(
        "template/docs/oidc.md: an address has to be verified",
        Break(
            "links accounts by an unverified address",
            "app/auth/oidc/accounts.py",
            'claims.get("email_verified") is True and',
            'claims.get("email_verified") and',
            "auth/oidc/test_accounts.py::test_an_address_that_is_not_verified_makes_nobody",
        ),
        auth="oidc",
    ),
    *promise(
        "template/docs/oidc.md: 503 while the provider is unavailable and no key is known",
        Break(
            "returns 500 while the provider is unavailable",
            "app/auth/oidc/provider.py",
            "            raise Unavailable(message)\n        return self.keys[name]",
            "            raise KeyError(message)\n        return self.keys[name]",
            "auth/oidc/test_accounts.py::test_a_provider_that_is_down_is_no_fault_of_whoever_calls",
        ),
        auth="oidc",
    ),
]
