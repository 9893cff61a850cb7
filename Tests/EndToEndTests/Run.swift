import AnnData
import ChildProcesses
import Foundation
import Glibc
import HDF5

/// One run of the coordinator on a screen in a folder of its own, and what it left.
struct Run {
    let folder: TestFolder
    var input = "screen.h5ad"
    var output = "result.h5ad"
    var extra: [String] = []
    /// What the program is told about the analysis.
    var analysis = ["--method", "nb-glm", "--perturbation-column", "perturbation"]
    /// Time after which a program is killed.
    var deadline = Duration.seconds(30)

    var directory: String { output + ".crispyx" }
    var unfinished: String { ".\(output).unfinished" }

    /// Writes a screen into a new folder.
    init(_ screen: Screen, as storage: Screen.Storage = .csrFloat32) throws {
        folder = try TestFolder()
        try screen.write(folder.file(input), as: storage)
    }

    /// Writes a screen of any values into a new folder, to be analysed with these options.
    init(
        _ table: CellTable,
        as number: CellTable.Number = .float32,
        _ options: [String]
    ) throws {
        folder = try TestFolder()
        try table.write(folder.file(input), as: number)
        analysis = options + ["--perturbation-column", "gene"]
        deadline = .seconds(300)
    }

    var arguments: [String] {
        [folder.file(input)] + analysis + ["--output", folder.file(output), "--quiet"] + extra
    }

    static let oneWorker = ["--local-workers", "1", "--threads", "1"]

    /// Starts the coordinator.
    func start(_ more: [String], variables: [String: String] = [:]) throws -> Program {
        try Program(
            Program.coordinator,
            arguments + more,
            in: folder,
            variables: variables,
            deadline: deadline
        )
    }

    /// Runs the coordinator to its end.
    func run(
        _ more: [String] = oneWorker,
        variables: [String: String] = [:]
    ) throws -> Program.Ended {
        try start(more, variables: variables).wait()
    }

    /// The result of a screen with nothing in the way.
    static func undisturbed(_ screen: Screen) throws -> Data {
        let run = try Run(screen)
        let ended = try run.run()
        guard ended.status == .exited(code: 0), let result = run.result else {
            throw EndToEndFailure("an undisturbed run failed: \(ended.errors)")
        }
        return result
    }

    /// The bytes of the published result.
    var result: Data? { folder.bytes(output) }

    /// What the event log of a run says about an event, one dictionary a line.
    func events(_ name: String) -> [[String: String]] {
        let data = folder.bytes(directory + "/events.jsonl") ?? Data()
        return data.split(separator: UInt8(ascii: "\n")).compactMap {
            try? JSONDecoder().decode([String: String].self, from: Data($0))
        }.filter { $0["event"] == name }
    }

    /// How often each row was fitted, by the event log.
    var fits: [Int: Int] {
        events("row").reduce(into: [:]) { counts, event in
            counts[Int(event["perturbation"] ?? "") ?? -1, default: 0] += 1
        }
    }

    /// The report of a run.
    func report() throws -> Report {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(
            Report.self,
            from: folder.bytes(directory + "/report.json") ?? Data()
        )
    }

    /// The part of a report that tests look at.
    struct Report: Decodable {
        struct Lost: Decodable {
            var perturbation: String
            var kind: String
            var reasons: [String]
        }

        var outcome: String
        var output: String
        var resumedRows: Int
        var bytesSpilled: Int
        var lost: [Lost]
    }

    /// Rows that the journal of an interrupted run names.
    var journalledRows: [Int] {
        let bytes = [UInt8](folder.bytes(directory + "/journal.bin") ?? Data())
        return stride(from: Self.journalHeader, to: bytes.count, by: Self.journalRecord).map {
            Int(bytes[$0]) + Int(bytes[$0 + 1]) << 8
        }
    }

    /// Bytes before the first record of a journal.
    static let journalHeader = 24
    /// Bytes of one record.
    static let journalRecord = 32
}

extension Data {
    /// Where two files differ, for messages; nil when they are the same.
    func firstDifference(from other: Data?) -> String? {
        guard let other else { return "there is no file" }
        if self == other { return nil }
        let place = zip(self, other).enumerated().first { $1.0 != $1.1 }?.offset
        return "\(count) and \(other.count) bytes, first difference at \(place ?? -1)"
    }
}
