# fish completion for pinlib(1). pinlib itself lists the possible words, from the table of each command.

function __pinlib_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct) # no word is none, and "$word" then an empty one
    for line in ($words[1] complete -- $words[2..-1] "$word" 2>/dev/null)
        switch $line
            case :files
                set -l before (string match -r '^.*=|^(?:oci|docker-archive|oci-archive):' -- "$word")
                for path in (__fish_complete_path (string replace -r '^.*=|^(?:oci|docker-archive|oci-archive):' '' -- "$word"))
                    echo "$before$path"
                end
            case :directories
                __fish_complete_directories "$word"
            case :commands
                complete -C "$word"
            case '*'
                echo $line
        end
    end
end
complete -c pinlib -f -a '(__pinlib_complete)'
