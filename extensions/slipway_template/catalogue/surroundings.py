"""Features without Python code, such as CI pipelines, deployments and instructions for coding agents."""

from __future__ import annotations

from .model import Feature

GITHUB = Feature(name="github", summary="GitHub Actions", paths=(".github/", "docs/github.md"))

GITLAB = Feature(name="gitlab", summary="GitLab CI/CD", paths=(".gitlab-ci.yml", ".gitlab/", "docs/gitlab.md"))

KUBERNETES = Feature(
    name="kubernetes",
    summary="Kubernetes",
    paths=(".github/workflows/kubernetes.yml", ".gitlab/kubernetes.yml", "deploy/kubernetes/", "docs/kubernetes.md"),
)

FLY = Feature(
    name="fly", summary="Fly.io", paths=(".github/workflows/fly.yml", ".gitlab/fly.yml", "docs/fly.md", "fly.toml")
)

AGENTS = Feature(name="agents", summary="instructions for coding agents", paths=(".claude/", "AGENTS.md", "CLAUDE.md"))
