import ComputeThreads
import Foundation
import Glibc

/// The claim of this process on a run directory, for as long as the object lives.
///
/// The owner's record is locked while its owner lives, which decides between processes of one
/// machine, and between machines where the file system can lock. Where it cannot, the record's time
/// of change is the sign of life: an owner renews it, and whoever wants to take the directory over
/// watches whether it changes.
package final class RunClaim: Sendable {
    /// Time between signs of life.
    private static let pulseMilliseconds = 10_000

    private let directory: String
    private let path: String
    private let record: [UInt8]
    private let lock: FileLock
    private let end = Mailbox<Void>()

    /// Claims a directory.
    ///
    /// - Parameters:
    ///   - directory: The run directory, which exists.
    ///   - path: Its owner's record.
    ///   - onWait: Told when an owner of another machine has to be watched first.
    /// - Throws: `cannotCreate` when a living process owns it.
    init(
        directory: String,
        path: String,
        onWait: (String) -> Void
    ) throws(RunFailure) {
        self.directory = directory
        self.path = path
        let current = RunOwner.current
        let earlier = try PlainFile.contents(path).flatMap { RunOwner(json: $0) }
        lock = try FileLock(path, owner: Self.named(directory, earlier))
        if let earlier {
            switch earlier.liveness {
            case .gone: break
            case .alive where earlier == current: break
            case .alive: throw Self.owned(directory, earlier)
            case .elsewhere:
                onWait(earlier.host)
                guard !Self.showsLife(path) else { throw Self.owned(directory, earlier) }
            }
        }
        // In place: a file renamed over it would not be the locked one.
        record = current.json
        let file = try PlainFile(path, flags: 0)
        try file.write(record, at: 0)
        try file.truncate(to: record.count)
        try file.synchronize()
        let end = end
        startDetachedThread {
            while end.take(waitingAtMost: TimeScale.milliseconds(Self.pulseMilliseconds)).isEmpty {
                file.touch()
            }
        }
    }

    deinit { end.post(()) }

    /// Checks that the directory is still this process's.
    ///
    /// To be called before anything is recorded in it: a process that was stopped for a long time
    /// may have lost it.
    ///
    /// - Throws: `stopped` when another run has taken over, `inputOutput` when the directory is gone.
    package func check() throws(RunFailure) {
        guard let found = (try? PlainFile.contents(path)) ?? nil else {
            throw RunFailure(
                .inputOutput,
                "\(directory) was removed or replaced while the run was going on, so that finished "
                    + "rows cannot be recorded; put it back and go on with --resume, or start again"
            )
        }
        guard found == record else {
            throw RunFailure(
                .stopped,
                "\(Self.named(directory, RunOwner(json: found))) was taken over by another run, "
                    + "which goes on in place of this one"
            )
        }
    }

    /// Whether a record's time of change moves while it is watched for a few pulses.
    private static func showsLife(_ path: String) -> Bool {
        let before = changeTime(path)
        let limit = 3 * TimeScale.milliseconds(pulseMilliseconds)
        let deadline = monotonicNanoseconds() + UInt64(limit) * 1_000_000
        while monotonicNanoseconds() < deadline {
            if changeTime(path) != before { return true }
            usleep(UInt32(min(limit, 200)) * 1000)
        }
        return changeTime(path) != before
    }

    private static func changeTime(_ path: String) -> [Int] {
        // Opened afresh: only then does a network file system ask its server.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return [] }
        return [Int(status.st_mtim.tv_sec), Int(status.st_mtim.tv_nsec)]
    }

    private static func named(_ directory: String, _ owner: RunOwner?) -> String {
        guard let owner else { return directory }
        return "\(directory) (process \(owner.processID) on \(owner.host))"
    }

    private static func owned(_ directory: String, _ owner: RunOwner) -> RunFailure {
        RunFailure(
            .cannotCreate,
            "\(named(directory, owner)) belongs to a run that is going on; wait for it, stop it, or "
                + "choose another --output"
        )
    }
}

extension RunDirectory {
    /// Whose the directory is.
    package enum Ownership: Equatable, Sendable {
        /// Nobody's, or that of a process of this machine that is gone.
        case free
        /// A living process of this machine works here.
        case living(processID: Int32)
        /// A process of another machine worked here; whether it lives cannot be told at once.
        case elsewhere(host: String, processID: Int32)
    }

    /// Whose the directory is now.
    ///
    /// - Throws: ``RunFailure`` when the file that says so cannot be read.
    package func ownership() throws(RunFailure) -> Ownership {
        guard let owner = try PlainFile.contents(ownerPath).flatMap({ RunOwner(json: $0) }) else {
            return .free
        }
        return switch owner.liveness {
        case .gone: .free
        case .alive: .living(processID: owner.processID)
        case .elsewhere: .elsewhere(host: owner.host, processID: owner.processID)
        }
    }

    /// Claims the directory for this process, until the claim is given up.
    ///
    /// - Parameter onWait: Told the machine of an owner elsewhere that has to be watched first, for
    ///   half a minute.
    /// - Returns: The claim, which ends with the object.
    /// - Throws: `cannotCreate` when a living process owns it.
    @discardableResult
    package func claim(onWait: (String) -> Void = { _ in }) throws(RunFailure) -> RunClaim {
        try RunClaim(directory: path, path: ownerPath, onWait: onWait)
    }

    /// Gives up a claim before its process ends.
    func release(_ claim: RunClaim) {
        withExtendedLifetime(claim) { _ = unlink(ownerPath) }
    }
}
