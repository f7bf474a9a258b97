"""What a person is told: what the program is not, and where to find people who can help.

The texts name no organisation and no telephone number: those differ by country and change.
"""

OPENING = """\
EVA is a research model. It is no person, no counsellor and no doctor, it can be wrong or hurtful, and it
is not for emergencies. If you or somebody else is in danger, call your local emergency number.
A message that speaks of suicide, self-harm or danger is not answered by the model: you are told where
to find help. The check reads English and misses some messages (docs/safety.md). Nothing is stored."""

REFERRAL = """\
What you wrote may mean that you or somebody else is in danger or in great pain. This is a program for
research. It cannot help with that, and you deserve to be answered by a person.

- If anyone is in danger now, or hurt, call your local emergency number or go to the nearest emergency
  department.
- You need not be alone with this. Talk to somebody you trust, and say it as plainly as you did here.
- Many countries have free crisis lines and chats, for suicide, self-harm, violence at home and abuse.
  Search for "crisis line" and the name of your country, or ask a doctor, nurse or social worker.

If this does not fit what you meant: the check goes by words, and it would rather say this once too often."""

STAYS = "The model does not answer in this conversation any more."
