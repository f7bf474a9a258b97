"""The fixed texts shown to a person: what the program is not, and where to find help.

They name no organisation and no telephone number, because these differ between countries and change.
"""

OPENING = """\
EVA is a research model. It is not a person, a counsellor or a doctor, it can be wrong or hurtful, and it
is not for emergencies. If you or somebody else is in danger, call your local emergency number.
The model does not reply to a message about suicide, self-harm or danger: instead you are told where to
find help. The check reads English and misses some messages (docs/safety.md). Nothing is stored."""

REFERRAL = """\
What you wrote may mean that you or somebody else is in danger or in great pain. This is a program for
research. It cannot help with that, and you deserve to be answered by a person.

- If anyone is in danger now, or hurt, call your local emergency number or go to the nearest emergency
  department.
- You do not have to be alone with this. Talk to somebody you trust, and say it as openly as you did here.
- Many countries have free crisis lines and chats, for suicide, self-harm, violence at home and abuse.
  Search for "crisis line" and the name of your country, or ask a doctor, nurse or social worker.

If this is not what you meant: the check only looks at words, and it rather shows this too often."""

STAYS = "The model does not reply in this conversation any more."
