import ChildProcesses
import Foundation
import Glibc
import RunFiles
import Testing

/// A run in array mode on a screen in a folder of its own, step by step.
struct ArrayRun {
    var run: Run
    /// Name of the run directory in the folder.
    var directory = "array.run"

    init(_ run: Run) { self.run = run }

    var path: String { run.folder.file(directory) }

    /// Reads the screen and leaves what fits need.
    func prepare(
        _ more: [String] = [],
        variables: [String: String] = [:]
    ) throws -> Program.Ended {
        try Program.run(
            Program.coordinator,
            ["prepare"] + run.arguments + ["--run-dir", path] + more,
            in: run.folder,
            variables: variables,
            deadline: run.deadline
        )
    }

    /// Starts a part.
    func start(
        _ shard: String,
        _ more: [String] = [],
        variables: [String: String] = [:]
    ) throws -> Program {
        try Program(
            Program.worker,
            ["fit", "--run-dir", path, "--shard", shard, "--threads", "2"] + more,
            in: run.folder,
            variables: variables,
            deadline: run.deadline
        )
    }

    /// Fits a part.
    func fit(
        _ shard: String,
        _ more: [String] = [],
        variables: [String: String] = [:]
    ) throws -> Program.Ended {
        try start(shard, more, variables: variables).wait()
    }

    /// Publishes.
    func merge(_ more: [String] = []) throws -> Program.Ended {
        try Program.run(
            Program.coordinator,
            ["merge", "--run-dir", path] + more,
            in: run.folder,
            deadline: run.deadline
        )
    }

    /// Prepares and fits all of so many parts.
    func fitAll(_ count: Int, _ more: [String] = []) throws {
        let prepared = try prepare()
        #expect(prepared.status == .exited(code: 0), "\(prepared.errors)")
        for part in 0..<count {
            let ended = try fit("\(part)/\(count)", more)
            #expect(ended.status == .exited(code: 0), "\(ended.errors)")
        }
    }

    /// The segments, in the order of their names.
    var segments: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path + "/rows")) ?? []
        return names.sorted().map { path + "/rows/" + $0 }
    }

    /// Rows in the segments, how often each.
    func rows() throws -> [Int: Int] {
        let prepared = try PreparedRun.read(path)
        var rows: [Int: Int] = [:]
        for segment in segments {
            var reader = try SegmentReader(segment, of: prepared)
            while let found = try reader.next() {
                guard found.record.kind == .row else { continue }
                rows[Int(found.record.perturbation), default: 0] += 1
            }
        }
        return rows
    }
}
