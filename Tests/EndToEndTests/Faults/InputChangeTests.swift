import ChildProcesses
import Foundation
import Glibc
import Testing

@Suite("Inputs that change")
struct InputChangeTests {
    private let screen = Screen(perturbations: 5, genes: 40, cellsPerPerturbation: 12)

    enum Change: String, CaseIterable {
        case truncated, touched, replaced, removed
        case oneByte = "one byte changed"

        func make(_ path: String) throws {
            let bytes = try Data(contentsOf: URL(filePath: path))
            switch self {
            case .truncated:
                guard truncate(path, bytes.count - 100) == 0 else { throw EndToEndFailure(path) }
            case .touched:
                guard utimensat(AT_FDCWD, path, nil, 0) == 0 else { throw EndToEndFailure(path) }
            case .replaced:
                try bytes.write(to: URL(filePath: path), options: .atomic)
            case .removed: unlink(path)
            case .oneByte:
                let file = try FileHandle(forUpdating: URL(filePath: path))
                try file.seek(toOffset: UInt64(bytes.count / 2))
                try file.write(contentsOf: Data([bytes[bytes.count / 2] ^ 1]))
                try file.close()
            }
        }
    }

    @Test("during the reading pass: nothing is made of it", arguments: Change.allCases)
    func whileReading(change: Change) throws {
        let run = try Run(screen)
        let input = run.folder.file(run.input)
        let bytes = try #require(run.folder.bytes(run.input))
        let held = try run.startHeld(at: "reading")
        // A change within the clock's resolution of the file's making would have the same time.
        usleep(20_000)
        try change.make(input)
        expect(try held.finish(), 65, input, "changed while it was read")
        #expect(try run.folder.names().filter { $0 != run.input } == [])
        try bytes.write(to: URL(filePath: input))
        expect(try run.run(), 0)
        #expect(try run.undisturbed().firstDifference(from: run.result) == nil)
    }

    @Test("after the reading pass: nobody looks at it again", arguments: Change.allCases)
    func afterReading(change: Change) throws {
        let run = try Run(screen)
        let expected = try run.undisturbed()
        let held = try run.startHeld(at: "frozen")
        usleep(20_000)
        try change.make(run.folder.file(run.input))
        expect(try held.finish(), 0)
        #expect(expected.firstDifference(from: run.result) == nil)
    }

    /// An interrupted run whose rows are all journalled.
    private func interrupted() throws -> (run: Run, expected: Data) {
        let run = try Run(screen)
        let expected = try run.undisturbed()
        let ended = try run.run(variables: ["CRISPYX_FAIL": "before-publication:1"])
        #expect(ended.status == .signalled(number: SIGKILL, coreDumped: false))
        return (run, expected)
    }

    @Test("between a run and its continuation: content decides, not place or time")
    func betweenRuns() throws {
        let (run, expected) = try interrupted()
        let input = run.folder.file(run.input)
        let bytes = try #require(run.folder.bytes(run.input))
        try Change.touched.make(input)
        try Change.replaced.make(input)
        // The counts are small floats: a bit of the first one's mantissa makes another count of it.
        let place = try #require(firstCount(in: bytes))
        var changed = bytes
        let other = withUnsafeBytes(of: Float(77)) { Data($0) }
        changed.replaceSubrange(place..<place + 4, with: other)
        try changed.write(to: URL(filePath: input))
        expect(try run.run(Run.oneWorker + ["--resume"]), 65, run.directory, "counts", "--force")
        try Change.truncated.make(input)
        expect(try run.run(Run.oneWorker + ["--resume"]), 65, input)
        unlink(input)
        expect(try run.run(Run.oneWorker + ["--resume"]), 66, input)
        try bytes.write(to: URL(filePath: input))
        let before = run.fits
        expect(try run.run(Run.oneWorker + ["--resume"]), 0)
        #expect(expected.firstDifference(from: run.result) == nil)
        #expect(run.fits == before, "no row is fitted twice")
    }

    /// Where the stored counts begin: the first place with several small whole floats in a row.
    private func firstCount(in bytes: Data) -> Int? {
        stride(from: 0, to: bytes.count - 64, by: 8).first { start in
            (0..<16).allSatisfy { index in
                let value = bytes[(start + 4 * index)..<(start + 4 * index + 4)]
                    .withUnsafeBytes { $0.loadUnaligned(as: Float.self) }
                return value >= 1 && value < 10 && value == value.rounded()
            }
        }
    }

    @Test("a run of another build, or of a release with another record")
    func otherVersion() throws {
        let (run, expected) = try interrupted()
        let path = run.folder.file(run.directory + "/run.json")
        let record = try String(contentsOfFile: path, encoding: .utf8)
        for (text, other, texts) in [
            (#""build" : ""#, #""build" : "older "#, ["older ", "two builds"]),
            (#""version" : 1"#, #""version" : 7"#, ["layout 7", "reads 1"]),
        ] {
            let changed = record.replacing(text, with: other)
            #expect(changed != record)
            try changed.write(toFile: path, atomically: true, encoding: .utf8)
            let ended = try run.run(Run.oneWorker + ["--resume"])
            expect(ended, 77, run.directory, "--force")
            for text in texts { #expect(ended.errors.contains(text), "\(ended.errors)") }
        }
        try record.write(toFile: path, atomically: true, encoding: .utf8)
        let before = run.fits
        expect(try run.run(Run.oneWorker + ["--resume"]), 0)
        #expect(expected.firstDifference(from: run.result) == nil)
        #expect(run.fits == before)
    }
}
