"""OTP's rules of restarting, for processes and tasks alike: who is restarted, how often, how soon.

Pure: nothing here starts, stops or waits for anything.
"""
