# first

  # indented
FROM scratch
# between
ENV A=1
# last