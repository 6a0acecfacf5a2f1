"""Fifteen plain pydantic models, five fields each: the least that a service with typed data imports."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel


class Person(BaseModel):
    id: str
    name: str
    email: str | None = None
    active: bool = True
    since: datetime | None = None


class Label(BaseModel):
    id: str
    name: str
    color: str = ""
    parent: str | None = None
    at: datetime | None = None


class Team(BaseModel):
    id: str
    key: str
    name: str
    lead: Person | None = None
    people: tuple[Person, ...] = ()


class Project(BaseModel):
    id: str
    name: str
    url: str
    team: Team
    labels: tuple[Label, ...] = ()


class Issue(BaseModel):
    id: str
    title: str
    priority: int = 0
    project: Project | None = None
    labels: tuple[Label, ...] = ()


class Comment(BaseModel):
    id: str
    text: str
    issue: Issue
    author: Person
    at: datetime


class Thread(BaseModel):
    id: str
    channel: str
    comments: tuple[Comment, ...] = ()
    closed: bool = False
    at: datetime


class Check(BaseModel):
    id: int
    name: str
    passed: bool | None = None
    url: str = ""
    at: datetime | None = None


class Commit(BaseModel):
    id: str
    message: str
    author: Person
    checks: tuple[Check, ...] = ()
    at: datetime


class Review(BaseModel):
    id: int
    verdict: str
    author: Person
    comments: tuple[Comment, ...] = ()
    at: datetime


class Branch(BaseModel):
    name: str
    head: Commit
    base: str = "main"
    protected: bool = False
    at: datetime


class PullRequest(BaseModel):
    number: int
    title: str
    branch: Branch
    reviews: tuple[Review, ...] = ()
    merged: bool = False


class Run(BaseModel):
    id: str
    issue: Issue
    branch: Branch | None = None
    attempt: int = 1
    log: list[str] = []


class Order(BaseModel):
    id: str
    kind: str
    given: dict[str, str]
    attempts: int = 0
    due: datetime | None = None


class Record(BaseModel):
    issue: Issue
    run: Run | None = None
    pull_request: PullRequest | None = None
    outbox: tuple[Order, ...] = ()
    version: int = 1
