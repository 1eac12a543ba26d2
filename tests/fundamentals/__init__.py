"""What Donebit is, in ten tests: read them from top to bottom, as a tutorial of the domain.

`test_tasks.py` answers "are all steps done?", and `test_visits.py` answers "which users were here?". Each
test sends the requests that any program could send, to the services on a real server, and shows one idea.
The words are those of docs/glossary.md. All other tests of the repository are about the edges of these ten.
"""
