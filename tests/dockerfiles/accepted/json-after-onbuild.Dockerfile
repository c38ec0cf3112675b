FROM scratch
ONBUILD CMD ["a"]
