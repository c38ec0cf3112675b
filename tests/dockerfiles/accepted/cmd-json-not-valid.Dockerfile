FROM scratch
CMD [ -f /x ] && run
