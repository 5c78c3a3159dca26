"""How are many runs made, kept and compared?"""
