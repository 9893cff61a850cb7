import ArgumentParser
import Coordinator
import Testing

@Suite("The command line of simulate")
struct SimulateCommandTests {
    @Test("without options the design is the default one")
    func defaults() throws {
        #expect(try SimulateCommand.parse(["out.h5ad"]).design == ScreenDesign())
    }

    @Test("every option reaches the design")
    func options() throws {
        let command = try SimulateCommand.parse([
            "out.h5ad", "--cells-per-perturbation", "20", "--cells-sd", "0.5",
            "--control-cells", "77", "--genes", "300", "--perturbations", "9", "--seed", "42",
            "--depth", "800", "--size-factor-sd", "0.1", "--batches", "4", "--batch-sd", "0.3",
            "--effects", "7", "--effect-sd", "1.5", "--knockdown=-3", "--no-shuffle",
        ])
        var design = ScreenDesign()
        design.cellsPerPerturbation = 20
        design.cellsLogDeviation = 0.5
        design.controlCells = 77
        design.genes = 300
        design.perturbations = 9
        design.seed = 42
        design.depth = 800
        design.sizeFactorLogDeviation = 0.1
        design.batches = 4
        design.batchLogDeviation = 0.3
        design.effects = 7
        design.effectDeviation = 1.5
        design.knockdown = -3
        design.isShuffled = false
        #expect(command.design == design)
    }

    @Test(
        "impossible options are refused before anything is done",
        arguments: [
            [], ["out", "--genes", "5"], ["out", "--gzip", "10"], ["out", "--threads", "0"],
            ["out", "--depth", "-1"], ["out", "--perturbations", "0"], ["out", "--gens", "5"],
        ]
    )
    func refusals(arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try SimulateCommand.parse(arguments) }
        #expect(error.map { SimulateCommand.exitCode(for: $0) } == .validationFailure)
    }

    @Test("a negative knock-down may follow its option as a word of its own")
    func negativeNumber() throws {
        let command = try SimulateCommand.parse(["out", "--knockdown", "-2.5"])
        #expect(command.design.knockdown == -2.5)
    }
}
