internal import Glibc

/// The one place that calls `posix_spawn`.
enum Spawn {
    /// Starts the program.
    ///
    /// - Parameters:
    ///   - command: The program and its descriptors.
    ///   - lifeline: The child's end of its lifeline, open in this process.
    /// - Returns: The kernel's number of the child, which runs the program already.
    /// - Throws: `ChildProcessError.containsZeroByte`, `.badChildDescriptor`, `.descriptorNotOpen`
    ///   or `.cannotStart`.
    static func start(
        _ command: ChildCommand,
        lifeline: Int32?
    ) throws(ChildProcessError) -> Int32 {
        let variables = command.environment?.map { "\($0.key)=\($0.value)" }.sorted()
        for text in [command.executable] + command.arguments + (variables ?? [])
        where text.utf8.contains(0) {
            throw .containsZeroByte(text: text)
        }
        let descriptors = try DescriptorPlan(command, lifeline: lifeline)
        var attributes = Self.attributes(of: command)
        defer { posix_spawnattr_destroy(&attributes) }
        let arguments = CStrings([command.executable] + command.arguments)
        let environment = variables.map(CStrings.init)
        var processID: pid_t = 0
        let code = posix_spawnp(
            &processID,
            command.executable,
            &descriptors.actions,
            &attributes,
            arguments.pointers,
            environment?.pointers ?? environ
        )
        guard code == 0 else { throw .cannotStart(executable: command.executable, code: code) }
        return processID
    }

    private static func attributes(of command: ChildCommand) -> posix_spawnattr_t {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        var flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        // A shell ignores these for background jobs and nohup, and means the children too.
        for signal in [SIGHUP, SIGINT, SIGQUIT] {
            sigdelset(&signals, signal)
        }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        if command.ownProcessGroup {
            flags |= POSIX_SPAWN_SETPGROUP
            posix_spawnattr_setpgroup(&attributes, 0)
        }
        posix_spawnattr_setflags(&attributes, Int16(flags))
        return attributes
    }
}

/// A null-terminated array of C strings that lives as long as this does.
private final class CStrings {
    let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    init(_ strings: [String]) {
        count = strings.count
        pointers = .allocate(capacity: count + 1)
        for (index, string) in strings.enumerated() {
            (pointers + index).initialize(to: strdup(string))
        }
        (pointers + count).initialize(to: nil)
    }

    deinit {
        for index in 0..<count {
            free(pointers[index])
        }
        pointers.deallocate()
    }
}
