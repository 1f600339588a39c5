"""What is sent and answered where callers say who they are."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

__all__ = ["Credentials", "SignIn", "Signed", "SocketTicket", "UserInfo", "Verified"]

_NAMES = AliasChoices("username", "email")
_SAID = "Also accepted as `email`."


class Credentials(BaseModel):
    """A name and a password."""

    model_config = ConfigDict(json_schema_extra={"example": {"username": "ada", "password": "correct horse battery"}})

    username: Annotated[str, Field(max_length=255, validation_alias=_NAMES, description=_SAID)]
    password: Annotated[str, Field(max_length=1024, description="At least 8 characters.")]


class SignIn(BaseModel):
    """The server's token, or a name and a password."""

    model_config = ConfigDict(json_schema_extra={"example": {"username": "ada", "password": "correct horse battery"}})

    token: Annotated[str | None, Field(max_length=2048, description="What the server printed when it started.")] = None
    username: Annotated[str | None, Field(max_length=255, validation_alias=_NAMES, description=_SAID)] = None
    password: Annotated[str | None, Field(max_length=1024)] = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.token is None and (self.username is None or self.password is None):
            raise ValueError("give token, or username and password")
        return self


class UserInfo(BaseModel):
    """Somebody."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"id": "5b0f5a5e-6a43-4c0f-8c7e-0d7a3f1c9b2e", "username": "ada"}}
    )

    id: str
    username: str


class Signed(BaseModel):
    """A token to send as `Authorization: Bearer`."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "access_token": "eyJhbGciOiJIUzI1NiIs...",
                "token_type": "bearer",
                "token": "eyJhbGciOiJIUzI1NiIs...",
                "expires_in": 86400,
                "user": {"id": "5b0f5a5e-6a43-4c0f-8c7e-0d7a3f1c9b2e", "username": "ada"},
            }
        }
    )

    access_token: str
    token_type: Literal["bearer"]
    token: Annotated[str, Field(description="The same as access_token.")]
    expires_in: Annotated[int, Field(description="Seconds.")]
    user: UserInfo


class Verified(BaseModel):
    """Who calls."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"valid": True, "user": {"id": "5b0f5a5e-6a43-4c0f-8c7e-0d7a3f1c9b2e", "username": "ada"}}
        }
    )

    valid: Literal[True]
    user: UserInfo


class SocketTicket(BaseModel):
    """A ticket for one WebSocket."""

    model_config = ConfigDict(json_schema_extra={"example": {"ticket": "w2vTt0o8dJ...", "expires_in": 30}})

    ticket: str
    expires_in: Annotated[int, Field(description="Seconds.")]
