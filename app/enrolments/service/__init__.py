"""Become a member: in a page (`joining`) or step by step in the chat (`chat`)."""

from app.enrolments.service.chat import chat_step
from app.enrolments.service.joining import ask_code, begin, cancel, enter_code, finish, forget_old

__all__ = ["ask_code", "begin", "cancel", "chat_step", "enter_code", "finish", "forget_old"]
