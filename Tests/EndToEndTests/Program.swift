import ChildProcesses
import Foundation
import Glibc
import Testing

/// Why a test cannot go on.
struct EndToEndFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// One of the project's programs, run as a process of its own with a deadline.
///
/// Programs lie beside the test bundle, where the package manager builds both.
struct Program {
    /// How a process ended and what it wrote.
    struct Ended {
        let status: ChildProcesses.ExitStatus
        let output: String
        let errors: String
    }

    static let coordinator = "crispyx-coordinator"
    static let worker = "crispyx-worker"

    let process: ChildProcess
    private let outputPath: String
    private let errorPath: String
    private let deadline: Duration

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - name: A program's name, or a path with slashes.
    ///   - arguments: What it is told.
    ///   - folder: Where its output and error streams are kept, and its scratch files.
    ///   - variables: Environment variables to add.
    ///   - deadline: Time after which it is killed.
    /// - Throws: `ChildProcessError` when it cannot be started.
    init(
        _ name: String,
        _ arguments: [String],
        in folder: TestFolder,
        variables: [String: String] = [:],
        deadline: Duration = .seconds(30)
    ) throws {
        let stem = folder.file("stream-" + UUID().uuidString)
        outputPath = stem + ".out"
        errorPath = stem + ".err"
        self.deadline = deadline
        let output = open(outputPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        let errors = open(errorPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        defer {
            close(output)
            close(errors)
        }
        var environment = ProcessInfo.processInfo.environment
        environment["TMPDIR"] = folder.path
        environment.merge(variables) { $1 }
        process = try ChildProcess.spawn(
            ChildCommand(
                executable: try Self.path(name),
                arguments: arguments,
                environment: environment,
                standardOutput: .descriptor(output),
                standardError: .descriptor(errors)
            )
        )
    }

    /// The path of a program beside the test bundle.
    static func path(_ name: String) throws -> String {
        name.contains("/") ? name : try ExecutableLocation.sibling(named: name)
    }

    /// Runs a program to its end.
    static func run(
        _ name: String,
        _ arguments: [String],
        in folder: TestFolder,
        variables: [String: String] = [:],
        deadline: Duration = .seconds(30)
    ) throws -> Ended {
        try Program(
            name,
            arguments,
            in: folder,
            variables: variables,
            deadline: deadline
        ).wait()
    }

    /// Waits for the end; a process past its deadline is killed and is an error.
    func wait() throws -> Ended {
        let status = process.wait(timeout: deadline)
        if status == nil {
            process.send(signal: SIGKILL)
            process.wait()
        }
        let ended = Ended(
            status: status ?? .unknown,
            output: Self.text(outputPath),
            errors: Self.text(errorPath)
        )
        guard status != nil else {
            throw EndToEndFailure("killed after \(deadline); it said: \(ended.errors)")
        }
        return ended
    }

    private static func text(_ path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
}

/// A directory of one test, removed with everything in it when the test is over.
final class TestFolder: Sendable {
    let path: String

    init() throws {
        var template = Array((NSTemporaryDirectory() + "/end-to-end-XXXXXX").utf8CString)
        guard let made = mkdtemp(&template) else {
            throw EndToEndFailure("no directory for temporary files")
        }
        path = String(cString: made).replacing("//", with: "/")
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: file(name)) }

    func bytes(_ name: String) -> Data? { FileManager.default.contents(atPath: file(name)) }

    /// Names in the directory, without the streams of programs.
    func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path).sorted()
            .filter { !$0.hasPrefix("stream-") }
    }
}

/// Asks again and again until a condition holds.
///
/// - Returns: Whether it held before the time was up.
func eventually(_ seconds: Double, _ condition: () throws -> Bool) rethrows -> Bool {
    for _ in 0..<Int(seconds * 200) {
        if try condition() { return true }
        usleep(5000)
    }
    return try condition()
}

/// Whether a process exists and is not merely waiting to be collected.
func isRunning(_ processID: Int32) -> Bool {
    guard let text = try? String(contentsOfFile: "/proc/\(processID)/stat", encoding: .utf8),
        let end = text.lastIndex(of: ")")
    else { return false }
    return text[end...].split(separator: " ").dropFirst().first != "Z"
}

/// Expects how a program ended and what it said; one that failed prints nothing for scripts.
func expect(
    _ ended: Program.Ended,
    _ code: Int32,
    _ texts: String...,
    at location: SourceLocation = #_sourceLocation
) {
    #expect(ended.status == .exited(code: code), "\(ended.errors)", sourceLocation: location)
    for text in texts {
        #expect(
            ended.errors.contains(text),
            "\(text) in \(ended.errors)",
            sourceLocation: location
        )
    }
    // 3 comes with a result that has gaps.
    if code != 0, code != 3 { #expect(ended.output == "", sourceLocation: location) }
}
